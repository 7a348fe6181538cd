"""Networks that metrics look through: Inception, VGG16, AlexNet, MobileNetV2 and LPIPS."""
