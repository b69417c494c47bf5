"""What an animation becomes: pictures in the whole photo, beside its inputs, in files, with a record of how it was made."""
