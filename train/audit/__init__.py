"""What a cohort gives away before a network looks: duplicates, sizes, file formats, exposure."""
