"""The report's studies as named trainings: what each row sets, what the report measured, what running it will take."""
