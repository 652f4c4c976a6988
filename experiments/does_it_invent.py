"""Does it invent? How often a denoised image changes its class, by decoder and noise level.

python -m aedenoise.main --experiment=does_it_invent --mode=invent \
    --decoders=upsample,transpose:k3,subpixel --noise_levels=0.2,0.4,0.6
python -m aedenoise.main --experiment=does_it_invent --mode=invent --dataset=notmnist --epochs=4 \
    --decoders=upsample,transpose:k3,subpixel --noise_levels=0.2,0.4,0.6

"""

from aedenoise.experiment import DataConfig, Experiment

# Short trainings: 1,876 steps on MNIST, and by the second command 968 on the letters.
EXPERIMENT = Experiment(name="does_it_invent", data=DataConfig(dataset="mnist"), epochs=2)
