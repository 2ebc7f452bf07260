"""What a training leaves behind: settings, the run's folder, its lock, how it resumes, the log of test readings."""
