plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "org.tf_i2i.demo"
    compileSdk = libs.versions.targetSdk.get().toInt()

    defaultConfig {
        applicationId = "org.tf_i2i.demo"
        minSdk = libs.versions.minSdk.get().toInt()
        targetSdk = libs.versions.targetSdk.get().toInt()
        versionCode = 1
        versionName = "1.0.0"
        ndk {
            abiFilters += listOf("arm64-v8a", "x86_64")
        }
    }

    // Which runtime the networks run on; sources in src/NAME.
    flavorDimensions += "runtime"
    productFlavors {
        create("compiledModel") {
            dimension = "runtime"
            isDefault = true
        }
        create("interpreter") { dimension = "runtime" }
    }

    // The tests run the real network through a desktop build of the Interpreter's library.
    sourceSets {
        getByName("test") {
            java.setSrcDirs(emptyList<String>())
            kotlin.setSrcDirs(emptyList<String>())
            resources.setSrcDirs(emptyList<String>())
        }
        getByName("testInterpreter") {
            kotlin.srcDir("src/test/kotlin")
            resources.srcDir("src/test/resources")
        }
    }

    // The user's key, never in the project: names and passwords come from the environment.
    val keystore = providers.environmentVariable("ANDROID_KEYSTORE").orNull
    signingConfigs {
        if (keystore != null) {
            create("release") {
                storeFile = file(keystore)
                storePassword = providers.environmentVariable("ANDROID_KEYSTORE_PASSWORD").get()
                keyAlias = providers.environmentVariable("ANDROID_KEY_ALIAS").get()
                keyPassword = providers.environmentVariable("ANDROID_KEY_PASSWORD").orNull ?: storePassword
            }
        }
    }
    buildTypes {
        release { signingConfig = signingConfigs.findByName("release") }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }

    kotlinOptions {
        jvmTarget = "1.8"
    }

    androidResources {
        // Models are mapped into memory from where they lie in the APK.
        noCompress += "tflite"
    }

    testOptions {
        unitTests {
            isIncludeAndroidResources = true
            all { it.jvmArgs("--add-opens=java.base/java.io=ALL-UNNAMED") }
        }
    }
}

// A desktop build of the runtime for the JVM tests, and the Java classes that fit it.
val desktopRuntime by configurations.creating { isTransitive = false }
val unpackDesktopRuntime by tasks.registering(Copy::class) {
    from({ desktopRuntime.map { zipTree(it) } })
    include("native/lib/*.so")
    into(layout.buildDirectory.dir("desktop-runtime"))
}

dependencies {
    "compiledModelImplementation"(libs.litert)
    "compiledModelImplementation"(libs.litert.gpu)
    "interpreterImplementation"(libs.litert.interpreter)
    "interpreterImplementation"(libs.litert.interpreter.gpu)
    "interpreterImplementation"(libs.litert.interpreter.gpu.api)

    testImplementation(libs.junit)
    testImplementation(libs.robolectric)
    testRuntimeOnly(libs.tflite.desktop.classes)
    desktopRuntime(libs.tflite.desktop) {
        artifact {
            name = "tflite-native-cpu"
            classifier = "linux-x86_64"
            type = "jar"
        }
    }
}

configurations.matching { it.name.endsWith("UnitTestRuntimeClasspath") }.configureEach {
    exclude(group = "com.google.ai.edge.litert", module = "litert")
    exclude(group = "com.google.ai.edge.litert", module = "litert-api")
}

tasks.withType<Test>().configureEach {
    dependsOn(unpackDesktopRuntime)
    systemProperty("java.library.path", layout.buildDirectory.dir("desktop-runtime/native/lib").get().asFile.path)
    listOf("model", "photo", "expected", "expected_broad", "painting", "expected_painted", "large", "expected_large", "frame", "expected_frame", "screenshots")
        .map { "tf_i2i.$it" }
        .forEach { name -> System.getProperty(name)?.let { systemProperty(name, it) } }
}
