"""What the commands of `bot.commands` do, one module for each family."""
