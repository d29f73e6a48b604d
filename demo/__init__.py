"""Something to break and heal on your own machine: a shop, the native stack around it, and drills that break it."""
