"""The model card: made from a run and its measurements, written as Markdown and as MONAI's metadata."""
