"""DwNet: dense warp-based network for pose-guided human video generation (BMVC 2019)."""
