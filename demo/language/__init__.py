"""Every word that is shown, in each language, and how numbers and readings are put into it."""
