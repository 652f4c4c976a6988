"""Named experiments: one file each, with the question, the command and the measured answer."""

NAMES = (
    "part2_notmnist_upsample",
    "part3_mnist_transpose",
    "upsample_vs_transpose",
    "decoder_budget",
    "mnist_quality",
    "blind",
    "does_it_invent",
    "likeness",
    "pretrained",
    "keras_blog",
    "keras_io",
    "keras_2018",
    "udacity",
    "raschka_upsample",
    "raschka_transpose",
    "net_sure_mse",
    "net_sure_sure",
    "mlp_basic",
    "sdae",
    "debug",
)
