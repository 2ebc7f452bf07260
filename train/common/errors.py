"""The errors a user may meet. Each message is one line: what is wrong, what was expected, what to do."""


class PneumoscopeError(Exception):
    """The user's data or files are wrong. The command line prints the message and exits with 1."""

    exit_code = 1


class UsageError(PneumoscopeError):
    """Something was asked for that cannot be: an unknown setting, a device that is absent. Exit code 2."""

    exit_code = 2
