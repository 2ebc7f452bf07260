"""The Experiments panel: the report's studies, reported beside measured."""
