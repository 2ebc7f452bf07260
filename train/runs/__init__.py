"""What a training leaves behind: settings, run folder, lock, resume, teachers, the log of test readings."""
