"""Does it invent? How often a denoised image changes its class, by decoder and noise level.

python -m aedenoise.main --mode=invent --experiment=does_it_invent \
    --decoders=upsample,transpose:k3,subpixel --noise_levels=0.2,0.4,0.6
python -m aedenoise.main --mode=invent --experiment=does_it_invent --dataset=notmnist --epochs=8 \
    --decoders=upsample,transpose:k3,subpixel --noise_levels=0.2,0.4,0.6

"""

from aedenoise.experiment import DataConfig, Experiment

# Short trainings, of about as many steps on either dataset: 1,876 and 1,936.
EXPERIMENT = Experiment(name="does_it_invent", data=DataConfig(dataset="mnist"), epochs=2)
