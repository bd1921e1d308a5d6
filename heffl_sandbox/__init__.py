"""The local Heffl: a process of its own that answers like the real one.

Written from the public description of the API and sharing no code with the portal,
so that a mistake in the portal cannot agree with itself here.
"""

__version__ = "1.0"
