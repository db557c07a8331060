"""All calls to Microsoft and Google: a folder for each provider, the catalogue, and the budget's pace."""
