"""Quantised nets and nets with a static cache, as torchao, its quantiser for exported programs, and transformers make them."""
import torch
from torch import nn

from _pt2_architectures import ARCHITECTURES, build, GROUPED, rnd, SMALL, spread, tokens


class Layers(nn.Module):
    """What torchao quantises: products only, the first one shared by two readers."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(32, 64), nn.Linear(64, 64), nn.Linear(64, 16)

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.third(torch.relu(self.second(x)))


def torchao(name, config):
    def make():
        import torchao.quantization as q
        torch.manual_seed(1)
        model = spread(Layers())
        q.quantize_(model, config(q))
        return model, (rnd(5, 32),), None

    ARCHITECTURES[name] = make


torchao("ao_int8_weight_only", lambda q: q.Int8WeightOnlyConfig())
torchao("ao_float8_weight_only", lambda q: q.Float8WeightOnlyConfig())
torchao("ao_int8_dyn_act", lambda q: q.Int8DynamicActivationInt8WeightConfig())
torchao("ao_8da4w", lambda q: q.Int8DynamicActivationIntxWeightConfig(weight_dtype=torch.int4, weight_granularity=q.PerGroup(32)))
torchao("ao_intx_weight_int4", lambda q: q.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=q.PerGroup(16)))


class Small(nn.Module):
    """A small net of convolutions."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1, groups=8), nn.BatchNorm2d(8),
                                  nn.ReLU6(), nn.Conv2d(8, 16, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))

    def forward(self, x):
        return self.body(x)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(8, 8, 3, padding=1) for _ in range(3))

    def forward(self, x):
        y = torch.relu(self.a(x))
        return torch.relu(self.c(self.b(y) + x)) * y


def quantised(name, module, inputs, per_channel=True, dynamic=False, train=False):
    def make():
        from torchao.quantization.pt2e import move_exported_model_to_eval
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e, prepare_qat_pt2e
        from torchao.testing.pt2e._xnnpack_quantizer import get_symmetric_quantization_config, XNNPACKQuantizer
        torch.manual_seed(1)
        model = spread(module())
        quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=per_channel, is_dynamic=dynamic, is_qat=train))
        if train:
            model.train()
        prepared = (prepare_qat_pt2e if train else prepare_pt2e)(torch.export.export(model, inputs).module(), quantizer)
        for seed in range(4):
            prepared(*(value + 0.5 * rnd(*value.shape, seed=seed) for value in inputs))
        if train:
            move_exported_model_to_eval(prepared)
        return convert_pt2e(prepared), inputs, None

    ARCHITECTURES[name] = make


quantised("pt2e_cnn_per_channel", Small, (rnd(2, 3, 12, 12),))
quantised("pt2e_cnn_per_tensor", Small, (rnd(2, 3, 12, 12),), per_channel=False)
quantised("pt2e_cnn_qat", Small, (rnd(2, 3, 12, 12),), train=True)
quantised("pt2e_residual", Residual, (rnd(1, 8, 10, 10),))
quantised("pt2e_linear_dynamic", Layers, (rnd(5, 32),), dynamic=True)


def cached(name, model_type, *, dtype=None, dims=None, steps=1, **config):
    """One step of decoding: the cache holds what six tokens before it left there."""

    def make():
        from transformers.integrations.executorch import TorchExportableModuleWithStaticCache
        model = build(model_type, "AutoModelForCausalLM", {**SMALL, **config, "use_cache": True})
        model = model.to(dtype) if dtype else model
        model.generation_config.use_cache, model.generation_config.cache_implementation = True, "static"
        wrapper = TorchExportableModuleWithStaticCache(model, batch_size=1, max_cache_len=16)
        with torch.no_grad():
            for place in range(6):
                wrapper(input_ids=tokens(1, 1, seed=place), cache_position=torch.tensor([place]))

        class Step(nn.Module):
            def __init__(self):
                super().__init__()
                self.wrapper = wrapper

            def forward(self, ids, place):
                return self.wrapper(input_ids=ids, cache_position=place)

        return Step().eval(), (tokens(1, steps, seed=9), torch.arange(6, 6 + steps)), dims

    ARCHITECTURES[name] = make


_CACHED_STEPS = torch.export.Dim("steps", min=2, max=8)
cached("llama_static_cache", "llama", **GROUPED)
cached("llama_static_cache_bf16", "llama", dtype=torch.bfloat16, **GROUPED)
cached("llama_static_cache_dyn", "llama", steps=4, dims=({1: _CACHED_STEPS}, {0: _CACHED_STEPS}), **GROUPED)
cached("qwen3_static_cache", "qwen3", **GROUPED)
cached("gemma3_static_cache", "gemma3_text", **GROUPED, query_pre_attn_scalar=8, sliding_window=8)
cached("gpt2_static_cache", "gpt2", n_embd=32, n_layer=2, n_head=4, n_positions=64)
