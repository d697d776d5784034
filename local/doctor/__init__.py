"""`./dev doctor`: what is wrong with a deployment, seen from outside, and which models its account may call."""
