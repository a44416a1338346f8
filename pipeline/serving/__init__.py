"""The community's model for people to use: a chat to try it, and a server that follows the champion."""
