# demo, test and lint work from a bare clone: tools/make_venv.sh makes .venv unless it is up to date.
.PHONY: demo test lint

# Training options of the demo: 7 minutes on two cores with everything else.
DEMO_DATA ?= --load-size 160 --crop-size 128
DEMO_CYCLEGAN ?= --generator resnet6 --ngf 32 --ndf 32 --minutes 1.5 --student-steps 500
DEMO_ONESIDED ?= --minutes 1.2
PY = .venv/bin/python

demo:
	@tools/make_venv.sh
	@if [ -e runs/demo ]; then \
	  old=runs/demo-$$(date +%Y%m%d-%H%M%S) && mv runs/demo $$old && echo "the previous runs/demo is now $$old"; \
	fi
	$(PY) -m training.cyclegan --run runs/demo $(DEMO_DATA) $(DEMO_CYCLEGAN)
	$(PY) -m training.onesided --run runs/demo/onesided $(DEMO_DATA) $(DEMO_ONESIDED)
	$(PY) -m export.tflite --run runs/demo --float32 --float16 --int8
	$(PY) -m export.tflite --run runs/demo --model teacher --float32
	$(PY) -m export.benchmark --run runs/demo --json runs/demo/export/benchmark.json
	$(PY) -m training.evaluate --run runs/demo --model runs/demo/export/ab-256-int8.tflite
	$(PY) -m export.report --run runs/demo --beside runs/demo/onesided
	@echo "report: $(CURDIR)/runs/demo/report.html"

test:
	@tools/make_venv.sh test
	$(PY) -m pytest -n 2 --dist loadfile

lint:
	@tools/make_venv.sh test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
