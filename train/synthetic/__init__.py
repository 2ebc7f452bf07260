"""Films that show nobody: phantoms by formula, films drawn from a model of many, and where their lungs are."""
