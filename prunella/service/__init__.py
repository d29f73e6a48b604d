"""What a process of ours needs to start, be seen and stop: settings, auth, web, tasks, reload, lifecycle."""
