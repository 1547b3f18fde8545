"""The error that ends a command with status 2."""


class UnusableError(Exception):
    """Input or output that the command cannot use; the message says what is wrong, and where."""
