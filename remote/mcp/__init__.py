"""The verbs as tools of the Model Context Protocol, for agents: over standard input, or HTTP."""
