"""The section `model`: generator and discriminator."""

from typing import Literal

from pydantic import Field, model_serializer, model_validator

from densepose_cache.config.base import Settings

GENERATORS: dict[str, frozenset[str]] = {
    "dwnet": frozenset({"ngf", "blocks", "refine_blocks", "iuv_input", "visibility"}),
    "compose": frozenset({"width"}),
}
"""Keys of the model section that one generator alone has."""
GENERATOR_FORMATS = {"dwnet": 1, "compose": 2}
"""Of each generator's weights: from 2 on in the fingerprint of its trainings."""


class ModelSettings(Settings):
    """Generator and discriminator (paper, section 3.1 and 4.3). Keys that only the other generator has are refused, and not written out."""

    generator: Literal["dwnet", "compose"] = "dwnet"
    """`dwnet` is the paper's, which paints every pixel anew; `compose` copies what source, previous frame and background show and draws the
    rest: it keeps clothes and faces, and learns on a CPU."""
    width: int = Field(32, ge=4, multiple_of=4)
    """Channels of the trunk at half the frame's size."""
    ngf: int = Field(64, ge=4)
    """Channels of the generator's first layer."""
    blocks: int = Field(9, ge=0)
    """ResNet blocks of the decoder."""
    refine_blocks: int = Field(2, ge=0)
    """ResNet blocks of the refine branch."""
    padding_mode: Literal["reflection", "border", "zeros"] = "reflection"
    """What a warp reads outside of the frame."""
    coarse_warp: bool = True
    """Warp features by the coarse grid; off only in ablations."""
    refine: bool = True
    """Refine the coarse grid; off only in ablations."""
    previous: bool = True
    """Condition on the previously generated frame; off only in ablations."""
    iuv_input: Literal["channels", "one_hot"] = "channels"
    """What pose encoder, refine branch and discriminator see of an IUV map: I, U, V as an image, as in the official code, or a channel for
    the background and each of the 24 parts, and U and V. One-hot is not in the paper."""
    visibility: bool = False
    """Show the refine branch where the coarse grid has a correspondence (R of Eq. 1 gets one more channel). Not in the paper."""
    ndf: int = Field(64, ge=4)
    """Channels of the discriminator's first layer."""
    critic_scales: int = Field(2, ge=1, le=4)
    """Discriminators at full, half, ... size."""
    critic_layers: int = Field(3, ge=1, le=5)
    """Strided layers of a discriminator."""

    @model_serializer(mode="wrap")
    def _of_this_generator(self, handler):
        others = GENERATORS["compose" if self.generator == "dwnet" else "dwnet"]
        values = handler(self)
        return {key: value for key, value in values.items() if key not in others and (key, value) != ("generator", "dwnet")}

    @model_validator(mode="after")
    def _own_keys(self):
        for name, keys in GENERATORS.items():
            if name != self.generator and (foreign := sorted(keys & self.model_fields_set)):
                raise ValueError(f"{', '.join(foreign)}: only for generator: {name}, this is {self.generator}")
        return self

    @model_validator(mode="after")
    def _ablation(self):
        if self.refine and not self.coarse_warp:
            raise ValueError("refine needs coarse_warp")
        if self.visibility and not self.refine:
            raise ValueError("visibility needs refine: the mask is shown to the refine branch alone")
        return self
