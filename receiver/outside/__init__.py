"""The real outside world behind the Protocols of `receiver.tools`; nothing else opens a socket or starts a program."""
