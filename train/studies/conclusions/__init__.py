"""What the report's figures say, in sentences of ours, and the rules that decide whether measured rows say it too."""
