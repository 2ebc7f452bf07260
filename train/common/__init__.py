"""What every package stands on: errors of one line, the console, files that are whole or not there, arrays on disk."""
