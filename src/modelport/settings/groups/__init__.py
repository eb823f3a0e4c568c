"""The settings by their subjects, in the order in which they are shown: one group a file."""
