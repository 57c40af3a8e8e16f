"""WebRTC: offers and answers, and the processes that speak it."""
