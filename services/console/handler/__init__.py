"""What the commands do: read, decide, write. The words on the screen are cli's."""
