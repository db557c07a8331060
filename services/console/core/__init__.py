"""Pure parts of the commands: reading a document, planning its changes, wording what is found."""
