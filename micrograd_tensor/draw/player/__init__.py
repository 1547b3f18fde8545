"""Player: one HTML file that plays a graph forward and backward, gate by gate."""

from .page import page, player_fragment, still

__all__ = ["page", "player_fragment", "still"]
