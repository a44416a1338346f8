"""The demo: real people's steps against a real forge, bot, teacher and trainer, all on this machine."""
