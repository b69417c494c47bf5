"""Digests of the stages of config.yaml: what lies somewhere has been made with them."""

STAGES = {
    "sample": {
        "sample": "3385662c2b902e9419f2691c8a432090534b518783d2e89b53a9c0235fa8e897",
        "fetch": "45bc87f3be3d61658d6a1bb146d01facd3b8df0970b50832041a37d1c5c143ec",
        "clips": "96d6be38bdf42aa1137673b1358eb7e7c699a972a2c7c3834e80f02fab904a2d",
        "decode": "3422d0ac93d584988d74e23197ffa3baf7022d4dfdc277b2d961c3dcbe429bb4",
        "densepose": "e342b34b7af02b40055f81ba6709d3e8ec125eed9543916dac43d08794a13483",
        "warp": "af4b1ccecba0ad75a676ebb932349f399eddd19b10035de5ef76f63c4926a397",
        "index": "2af0ca1273312a63486b0b63be0e12e7641fa510fed6a09aa2d6b2d41906d94f",
    },
    "ubc_sample": {
        "sample": "f8cd6574f82f9f9c2bbdb8b5f9b7b582b85708e2286a9ff61a0bd2324c8e0850",
        "fetch": "adb597d2e088a49e58533226665c6cbd0fb1c5a1265ff1c6a05cbe43e3477f4e",
        "clips": "9d4aa2634e41afadd91d7592f6e694dc594d8b9ffd9f351fcc74c26f438b6cbd",
        "decode": "5518974ef2388a48b2ad8b17005a7d13040aa03af93042ef24a24c7f70c74131",
        "densepose": "0b8bc0ea7260a3b913e6e08db2fcd8e6936e36b736015463bf263facedc04387",
        "warp": "f544462228cf9b8694a073ccc235934e2dbc65831d37405537cad38fcf7e620c",
        "index": "99737041d85000de67ea78e2ddbb55a968bb17847dbfe5bfa906c8a69be45c93",
    },
    "fashion": {
        "sample": "fa8f0f215627b422d56a29f3fc765c7b71f5884d54500b488eb35c78bd017582",
        "fetch": "5716e16819ea7af3d9b06cb69b314abe40b39a34b511b0d144950611d0881d73",
        "clips": "83953f4500dfd92385a203d2e4394d4c732b08f9ec18ff31ef82a0312514b67f",
        "decode": "142e8497ad7c2e4c5a8c4ebf6d8348d8fef5556563651f7d6d6e9420d64070d2",
        "densepose": "159b9d582f3699985dd4a1e0faabc25b9b8376ed454a46a235ddcd255ef00f0b",
        "warp": "e9e5a58cdf51505a0939e084e0bee43bd3255c036fb966684239fdcfaad87f54",
        "index": "a1a986ef6523e0e9f756660fb5d75443731967ff3b3b8cac5da6677ee568c9a3",
        "train": "18784adc09349a82f5af147a490125cf573d00a0f78637606edb10b8b9d05542",
        "train/no_prev": "34f2a6594e95494be3410e3daefa641155d196ca6eb2a0f2c9a31b196355bf20",
        "train/no_prev_no_refine": "c66d6371ec3972e563a4b1b67a7ece2a5765ad0f8a39edb6e0df9c2c165ac620",
        "train/no_prev_no_refine_no_warp": "3272e16517416471de5c3564c65590c74d28ac5360bd21b9690ddad8e7d92284",
        "rollout": "fde00e183fdea40a04503b890622ec914c7dd918c9867b4a214cdfc0dd3e1fcc",
        "rollout/no_prev": "ab66283aaa9ccff46e2dbe5a7bb8c89065ed5cb1500216d21385dcdd9bfb1b2e",
        "rollout/no_prev_no_refine": "b2a247677da339b836267928bc825ef820a6233334afde880235722d29ba5e38",
        "rollout/no_prev_no_refine_no_warp": "1e99488e4172b82ba1e842b6396723cca4e84ec8f62e0c034c1cae950fbc2b7c",
    },
    "taichi": {
        "sample": "f4cbefa0c3030ba6d4c465ff554252ddd9e09979ae78c8b313caa550ee6fac09",
        "fetch": "127a5efb7a62c6f9a5ed70cba5e786972d8c99cea1aa3456cf5745e4f472b418",
        "clips": "f7e2c5c8cd9038a865cc80642946c438a099cfda9c44745bc0835d7a0ffbe0e7",
        "decode": "9c15eec95e9ac8f0bda6d4520d69e64b90292d8acc0f87b290226071ecc9cf99",
        "densepose": "f74914a2a325e37b3bf9165657f0332aa2d7e1eeae39cab80b7740616a508baa",
        "warp": "970f383df303f1a981788039060ad099f05afc6ee6e796a6141a0045b39249fe",
        "index": "ebce4ebbbd1a336dd3c4d730c4e90d576792a5a0935ccd8959e543b550895094",
        "train": "28f43f27f66025796c9416196eca5e7c636bdeb5cce2cc36ee3acfff8abea8e4",
        "train/no_prev": "6694e82081dbbfaccfbb54e66d6005fe8c313e42bb91d37293ae5cb88f69b98f",
        "train/no_prev_no_refine": "a48fb2866917d93d66a2b531c91b1acdf6f9d69cbc35259328314bc1d13260b8",
        "train/no_prev_no_refine_no_warp": "42e251612cbce21c182ee2d2bfefb647aaf36149558049c7232455043b825587",
        "rollout": "e78c0db9055a7712d4a148864a24f227be8335a244bef3c1998a7807035083a0",
        "rollout/no_prev": "0abfa3adfb8c2a0053ea6d4d92515adcf04598ae1d603fff34a9d7a9df49c1e5",
        "rollout/no_prev_no_refine": "b92cbec96429a04f52d235ce0f50b29c0449dcf04d5c12e18b25ea37d9b9e300",
        "rollout/no_prev_no_refine_no_warp": "34e490fff63f1a24ee60471f9a04887cc1fe71da71830d58a4331246431c0bea",
    },
}
"""Digests by data set of config.yaml and stage, /variant: those from before there were two generators.

The two small data sets have learned to take the other one, so that theirs end with the index. Evaluation has changed its format since.
"""
