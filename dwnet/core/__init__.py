"""What every room needs: devices and number formats."""
