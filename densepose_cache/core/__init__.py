"""What both packages need to run at all."""
