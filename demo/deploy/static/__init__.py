"""The page of plain files: both networks in the visitor's own browser, with no server behind it."""
