"""DICOM radiographs: `film` reads one; the other modules are its steps, from the header to the greys."""
