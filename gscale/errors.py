"""The one error a user can cause."""


class InputError(ValueError):
    """An input that cannot be used: the message names the value, the limit and what to do.

    The command line prints the message alone and exits with code 2.
    """
