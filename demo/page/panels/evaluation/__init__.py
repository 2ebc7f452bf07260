"""The panel of evaluation curves, one file a part."""
