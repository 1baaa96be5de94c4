"""What the control plane can do: one verb a module, each a function that takes `control` first."""
