"""An episode as it is shown: pictures, what the network sees, Q-values, what plays them."""
