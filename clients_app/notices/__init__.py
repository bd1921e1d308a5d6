"""What people are told unasked: banners on pages, mail about incidents, the morning digest."""
