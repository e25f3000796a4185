"""Windows of time: kept short, merged to longer ones, compared with their seasons, dated."""
