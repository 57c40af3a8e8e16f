"""Live calls: taken in, analysed, told, remembered; and the engine that all of them share."""
