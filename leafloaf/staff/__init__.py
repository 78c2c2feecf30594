"""The admin: its look, its index, and the dashboards that other packages bring."""
