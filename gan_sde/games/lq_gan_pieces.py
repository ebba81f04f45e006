"""Numbers by which the compiled LQ-GAN knows its pieces; `gan_sde.games.lq_gan_lanes` has their formulas."""

CROSS, RESIDUAL, GENERATOR, MISMATCH, CURVATURE = range(5)

PRODUCTS = ("FIELD", "JVP", "VJP")
