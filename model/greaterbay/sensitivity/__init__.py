"""Sensitivity of policy effects to parameters, and discovery of the conditions under which a policy fails."""
